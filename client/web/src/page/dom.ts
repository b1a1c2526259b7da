// Small helpers to build the page without a framework and without markup in strings.

type Attributes = Record<string, string | number | boolean | undefined>;
type Child = Node | string | undefined | false;

/** An element with attributes (true: present, false or undefined: absent) and children. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.filter((child): child is Node | string => child !== undefined && child !== false));
  return element;
}

/** Sets, or for false and undefined removes, an attribute; leaves one alone that is as it should be. */
export function setAttribute(element: Element, name: string, value: string | number | boolean | undefined): void {
  if (value === false || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Sets an element's text when it differs. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const SVG = "http://www.w3.org/2000/svg";

/** Icons on a 24 by 24 grid, drawn as strokes. */
const ICONS = {
  microphone: ["M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3Z", "M5.5 11a6.5 6.5 0 0 0 13 0", "M12 17.5V21"],
  "microphone-off": ["M9 9.5V11a3 3 0 0 0 5 2.2M15 10.5V6a3 3 0 0 0-5.8-1.1", "M5.5 11a6.5 6.5 0 0 0 10.6 5M18.3 12.5c.1-.5.2-1 .2-1.5", "M12 17.5V21", "M4 3.5l16.5 17"],
  camera: ["M4.5 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2Z", "M15.5 11l5.5-3.5v9L15.5 13"],
  "camera-off": ["M9.5 6.5h4a2 2 0 0 1 2 2v3.5l5.5 3.5v-8L15.5 11M15.3 16.3a2 2 0 0 1-1.8 1.2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2h.7", "M4 3.5l16.5 17"],
  screen: ["M4.5 4.5h15a1.5 1.5 0 0 1 1.5 1.5v9.5a1.5 1.5 0 0 1-1.5 1.5h-15a1.5 1.5 0 0 1-1.5-1.5V6a1.5 1.5 0 0 1 1.5-1.5Z", "M9 20.5h6M12 13.5v-5.5M9.5 10.2L12 7.7l2.5 2.5"],
  leave: ["M3.3 14.8c-.9-.9-1-2.3-.2-3.3C5.2 9 8.4 7.8 12 7.8s6.8 1.2 8.9 3.7c.8 1 .7 2.4-.2 3.3l-.5.5c-.6.6-1.5.7-2.2.3l-2-1.1c-.7-.4-1-1.1-.9-1.9l.2-1.1a11 11 0 0 0-6.6 0l.2 1.1c.1.8-.2 1.5-.9 1.9l-2 1.1c-.7.4-1.6.3-2.2-.3l-.5-.5Z"],
  chat: ["M5 5h14a1.5 1.5 0 0 1 1.5 1.5v8.5a1.5 1.5 0 0 1-1.5 1.5h-7l-4.5 4v-4H5A1.5 1.5 0 0 1 3.5 15V6.5A1.5 1.5 0 0 1 5 5Z", "M8 10h8M8 13h5"],
  chart: ["M4.5 19.5V13M9.5 19.5V5M14.5 19.5v-9M19.5 19.5V8"],
  link: ["M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L11.8 6.5", "M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.3-1.3"],
  lock: ["M6.5 10.5h11a1.5 1.5 0 0 1 1.5 1.5v7a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 19v-7a1.5 1.5 0 0 1 1.5-1.5Z", "M8 10.5V7.5a4 4 0 0 1 8 0v3"],
  "lock-waiting": ["M6.5 10.5h11a1.5 1.5 0 0 1 1.5 1.5v7a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 19v-7a1.5 1.5 0 0 1 1.5-1.5Z", "M8 10.5V7.5a4 4 0 0 1 8 0v3", "M9 15.5h.01M12 15.5h.01M15 15.5h.01"],
  "lock-failing": ["M6.5 10.5h11a1.5 1.5 0 0 1 1.5 1.5v7a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 19v-7a1.5 1.5 0 0 1 1.5-1.5Z", "M8 10.5V7.5a4 4 0 0 1 8 0v3", "M10 13.5l4 4M14 13.5l-4 4"],
  pin: ["M9 3.5h6l-.7 6 3.2 3.5v1.5h-11V13l3.2-3.5-.7-6Z", "M12 14.5v6"],
  file: ["M7 3.5h6.5l4.5 4.5v11a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5Z", "M13.5 3.5V8H18"],
  attach: ["M19.5 11.5l-7.6 7.6a4.6 4.6 0 0 1-6.5-6.5l8-8a3.1 3.1 0 0 1 4.4 4.4l-8 8a1.6 1.6 0 0 1-2.2-2.2l7.3-7.3"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
} as const;
export type IconName = keyof typeof ICONS;

/** An icon; hidden from screen readers, because what carries it has a label. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("viewBox", "0 0 24 24");
  setIcon(svg, name);
  return svg;
}

/** Changes what an icon shows. */
export function setIcon(svg: SVGSVGElement, name: IconName): void {
  if (svg.dataset["name"] === name) return;
  svg.dataset["name"] = name;
  svg.replaceChildren(
    ...ICONS[name].map((d) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", d);
      return path;
    }),
  );
}
