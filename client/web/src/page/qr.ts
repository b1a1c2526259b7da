// QR codes as SVG.

import qrcode from "qrcode-generator";

const SVG = "http://www.w3.org/2000/svg";
/** Light modules around the code, as the standard asks. */
const QUIET = 4;

/** A code that holds these bytes. */
export function qrSvg(bytes: Uint8Array, label: string): SVGSVGElement {
  const code = qrcode(0, "M");
  code.addData(String.fromCharCode(...bytes), "Byte");
  code.make();
  const count = code.getModuleCount();
  let path = "";
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (code.isDark(row, column)) path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`;
    }
  }
  const svg = document.createElementNS(SVG, "svg");
  const size = count + 2 * QUIET;
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const modules = document.createElementNS(SVG, "path");
  modules.setAttribute("d", path);
  svg.append(modules);
  return svg;
}
