// Whether this machine can draw emoji: many a bare Linux has no font for them, and draws empty boxes.

/** One that every emoji font has, and draws in colours. */
const SAMPLE = "🌈";
const SIZE = 24;
/** Distance between channels that no grey pixel has, smoothing included. */
const COLOURED = 24;

let known: boolean | undefined;

/** True when emoji come in colours. A font that draws them in one colour only is left out too: words say it better. */
export function emojiAreDrawn(): boolean {
  known ??= drawsInColours();
  return known;
}

function drawsInColours(): boolean {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) return false;
  context.textBaseline = "top";
  context.font = `${SIZE - 6}px sans-serif`;
  context.fillText(SAMPLE, 0, 2);
  const { data } = context.getImageData(0, 0, SIZE, SIZE);
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue] = [data[i]!, data[i + 1]!, data[i + 2]!];
    if (Math.max(red, green, blue) - Math.min(red, green, blue) > COLOURED) return true;
  }
  return false;
}
