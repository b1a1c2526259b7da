// A camera for tests and measurements: a canvas that carries the time of drawing as large black and white blocks,
// which survive the smallest layer, and the reader that gets it back from a receiver's pixels.

/** Blocks in a row; two rows carry 32 bits, most significant first. */
const COLUMNS = 16;
const ROWS = 2;
const BLACK = 16;
const WHITE = 235;
/** The blocks take this share of the picture's height, at its top. */
const SHARE = 0.25;

/** A stream of a canvas with the time code, moving colours and a label. */
export function timecodeCamera(width: number, height: number, framesPerSecond: number, label: string): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  const hue = [...label].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
  let frame = 0;
  const draw = () => {
    drawScene(context, hue, frame++, label);
    drawTimecode(context, Date.now() >>> 0);
  };
  draw();
  setInterval(draw, 1000 / framesPerSecond);
  return canvas.captureStream(framesPerSecond);
}

function drawScene(context: CanvasRenderingContext2D, hue: number, frame: number, label: string): void {
  const { width, height } = context.canvas;
  const sky = context.createLinearGradient(0, 0, width, height);
  sky.addColorStop(0, `hsl(${hue} 45% 38%)`);
  sky.addColorStop(1, `hsl(${(hue + 50) % 360} 50% 62%)`);
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  for (let i = 0; i < 5; i++) {
    const angle = frame / 40 + (i * Math.PI * 2) / 5;
    const x = width * (0.5 + 0.32 * Math.cos(angle));
    const y = height * (0.62 + 0.2 * Math.sin(angle * 1.3));
    context.fillStyle = `hsl(${(hue + 40 * i) % 360} 60% 70% / 0.75)`;
    context.beginPath();
    context.arc(x, y, height * 0.08, 0, 2 * Math.PI);
    context.fill();
  }
  context.fillStyle = "white";
  context.font = `600 ${Math.round(height * 0.13)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.fillText(label, width / 2, height * 0.66);
}

function drawTimecode(context: CanvasRenderingContext2D, value: number): void {
  const { width, height } = context.canvas;
  const blockWidth = width / COLUMNS;
  const blockHeight = (height * SHARE) / ROWS;
  for (let bit = 0; bit < COLUMNS * ROWS; bit++) {
    const level = (value >>> (31 - bit)) & 1 ? WHITE : BLACK;
    context.fillStyle = `rgb(${level} ${level} ${level})`;
    const [x, y] = [(bit % COLUMNS) * blockWidth, Math.floor(bit / COLUMNS) * blockHeight];
    context.fillRect(x, y, blockWidth, blockHeight);
  }
}

/** How much darker than white and lighter than black a block may be and still count, 0..255. */
const TOLERANCE = 70;

/**
 * Milliseconds since the picture that a video element shows was drawn (modulo 2^32 of the clock); undefined when the
 * picture carries no time code.
 */
export function readTimecodeAge(video: HTMLVideoElement): number | undefined {
  const [width, height] = [video.videoWidth, video.videoHeight];
  if (width === 0 || height === 0) return undefined;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.max(1, Math.round(height * SHARE));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(video, 0, 0, width, canvas.height, 0, 0, width, canvas.height);
  const value = decodeTimecode(context.getImageData(0, 0, width, canvas.height));
  return value === undefined ? undefined : (Date.now() - value) >>> 0;
}

/** The 32 bits in the block pattern; undefined when any block is neither black nor white. */
export function decodeTimecode(pixels: { width: number; height: number; data: Uint8ClampedArray }): number | undefined {
  let value = 0;
  for (let bit = 0; bit < COLUMNS * ROWS; bit++) {
    const x = Math.floor(((bit % COLUMNS) + 0.5) * (pixels.width / COLUMNS));
    const y = Math.floor((Math.floor(bit / COLUMNS) + 0.5) * (pixels.height / ROWS));
    const green = pixels.data[4 * (y * pixels.width + x) + 1]!;
    if (green > TOLERANCE && green < 255 - TOLERANCE) return undefined;
    value = (value * 2 + (green > 127 ? 1 : 0)) >>> 0;
  }
  return value;
}
