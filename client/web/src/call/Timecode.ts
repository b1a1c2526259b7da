// A camera for tests and measurements: a canvas that carries the time of drawing as large black and white blocks,
// which survive the smallest layer, and the reader that gets it back from a receiver's pixels.

/** Blocks in a row; two rows carry 32 bits, most significant first. */
const COLUMNS = 16;
const ROWS = 2;
const BLACK = 16;
const WHITE = 235;
/** The blocks take this share of the picture's height, at its top. */
const SHARE = 0.25;

/** A stream of a canvas: somebody drawn with a few shapes, moving a little, with or without the time code on top. */
export function syntheticCamera(
  width: number,
  height: number,
  framesPerSecond: number,
  label: string,
  timecode: boolean,
): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  const hue = [...label].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
  let frame = 0;
  const draw = () => {
    drawPerson(context, hue, frame++ / framesPerSecond);
    if (timecode) drawTimecode(context, Date.now() >>> 0);
  };
  draw();
  setInterval(draw, 1000 / framesPerSecond);
  return canvas.captureStream(framesPerSecond);
}

function drawPerson(context: CanvasRenderingContext2D, hue: number, seconds: number): void {
  const { width, height } = context.canvas;
  const wall = context.createLinearGradient(0, 0, width, height);
  wall.addColorStop(0, `hsl(${hue} 30% 74%)`);
  wall.addColorStop(1, `hsl(${(hue + 40) % 360} 34% 52%)`);
  context.fillStyle = wall;
  context.fillRect(0, 0, width, height);
  const circle = (x: number, y: number, radius: number, colour: string) => {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  };
  circle(width * 0.16, height * 0.42, height * 0.13, `hsl(${(hue + 60) % 360} 45% 80% / 0.7)`);
  context.fillStyle = `hsl(${(hue + 200) % 360} 18% 38% / 0.55)`;
  context.fillRect(width * 0.76, height * 0.3, width * 0.15, height * 0.7);
  const x = width * (0.5 + 0.02 * Math.sin(seconds * 0.9));
  const y = height * (0.52 + 0.012 * Math.sin(seconds * 1.7));
  const skin = `hsl(${18 + (hue % 20)} ${30 + (hue % 25)}% ${42 + (hue % 36)}%)`;
  const hair = `hsl(${20 + (hue % 30)} 30% ${14 + (hue % 30)}%)`;
  context.fillStyle = `hsl(${(hue + 160) % 360} 38% 40%)`;
  context.beginPath();
  context.ellipse(x, height * 1.06, height * 0.4, height * 0.34, 0, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = skin;
  context.fillRect(x - height * 0.065, y + height * 0.1, height * 0.13, height * 0.18);
  circle(x, y - height * 0.03, height * 0.185, hair);
  circle(x, y + height * 0.02, height * 0.16, skin);
  const blink = seconds % 4 < 0.15 ? 0.1 : 1;
  for (const side of [-1, 1]) {
    context.fillStyle = "hsl(220 20% 14%)";
    context.beginPath();
    context.ellipse(x + side * height * 0.058, y, height * 0.016, height * 0.02 * blink, 0, 0, 2 * Math.PI);
    context.fill();
  }
  context.strokeStyle = "hsl(355 35% 34%)";
  context.lineWidth = height * 0.012;
  context.lineCap = "round";
  context.beginPath();
  context.arc(x, y + height * 0.055, height * 0.055, 0.25 * Math.PI, 0.75 * Math.PI);
  context.stroke();
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
