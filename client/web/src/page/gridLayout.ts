// How many columns give the largest tiles: pure arithmetic, so that it can be tested without a browser.

export interface GridShape {
  readonly columns: number;
  readonly rows: number;
  /** Size of one tile, CSS pixels. */
  readonly width: number;
  readonly height: number;
}

/** Tiles may be this narrow or wide (width over height) before they keep their shape and leave space instead. */
const NARROWEST = 4 / 3;
const WIDEST = 16 / 9;
/** On narrow screens tiles may stand upright, as phones' cameras do. */
const NARROWEST_UPRIGHT = 3 / 4;

/** The best grid for `count` tiles in an area, with `gap` pixels between them. */
export function gridShape(count: number, width: number, height: number, gap: number): GridShape {
  let best: GridShape = { columns: 1, rows: Math.max(1, count), width: 0, height: 0 };
  const narrowest = width < height ? NARROWEST_UPRIGHT : NARROWEST;
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const tileWidth = Math.min(cellWidth, cellHeight * WIDEST);
    const tileHeight = Math.min(cellHeight, cellWidth / narrowest);
    if (tileWidth * tileHeight > best.width * best.height) {
      best = { columns, rows, width: Math.floor(tileWidth), height: Math.floor(tileHeight) };
    }
  }
  return best;
}
