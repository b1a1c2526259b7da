"""Test media made with ffmpeg: real VP8 in IVF in three sizes, real Opus in Ogg."""

import functools
import pathlib
import struct
import subprocess
import tempfile

LAYERS = [("q", 160, 90), ("h", 320, 180), ("f", 640, 360)]


def _ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


@functools.lru_cache(maxsize=None)
def directory() -> pathlib.Path:
    return pathlib.Path(tempfile.mkdtemp(prefix="sotto-media-"))


@functools.lru_cache(maxsize=None)
def video_layers(codec="vp8", seconds=4) -> list[pathlib.Path]:
    """Three IVF files of one picture, smallest first; a key frame each second, in step over all layers."""
    encoder = {"vp8": "libvpx", "vp9": "libvpx-vp9"}[codec]
    paths = []
    for name, width, height in LAYERS:
        path = directory() / f"{codec}-{name}.ivf"
        _ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate=30:duration={seconds}",
                "-c:v", encoder, "-deadline", "realtime", "-cpu-used", "8", "-g", "30", "-keyint_min", "30",
                "-auto-alt-ref", "0", "-b:v", f"{width * height * 2}", path)
        paths.append(path)
    return paths


@functools.lru_cache(maxsize=None)
def audio(seconds=4) -> pathlib.Path:
    path = directory() / "tone.opus"
    _ffmpeg("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:a", "libopus", "-b:a", "48k",
            "-frame_duration", "20", path)
    return path


def ivf_frames(path) -> list[bytes]:
    data = pathlib.Path(path).read_bytes()
    if data[:4] != b"DKIF":
        raise AssertionError(f"{path} is not an IVF file")
    position = struct.unpack_from("<H", data, 6)[0]
    frames = []
    while position + 12 <= len(data):
        size = struct.unpack_from("<I", data, position)[0]
        frames.append(data[position + 12:position + 12 + size])
        position += 12 + size
    return frames


def opus_packets(path) -> list[bytes]:
    """The audio packets of an Ogg Opus file (RFC 3533, RFC 7845): all but the two headers."""
    data = pathlib.Path(path).read_bytes()
    packets, packet, position = [], b"", 0
    while position < len(data):
        if data[position:position + 4] != b"OggS":
            raise AssertionError(f"{path} is not an Ogg file")
        segments = data[position + 27:position + 27 + data[position + 26]]
        position += 27 + len(segments)
        for size in segments:
            packet += data[position:position + size]
            position += size
            if size < 255:
                packets.append(packet)
                packet = b""
    return packets[2:]


def decodes(path) -> bool:
    """Whether ffmpeg decodes the file without a word of complaint."""
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "null", "-"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    return done.returncode == 0 and not done.stderr.strip()
