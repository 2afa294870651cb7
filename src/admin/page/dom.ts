/** Making and changing what is shown. Texts are texts: nothing that comes from elsewhere is ever read as markup. */

export type Child = Node | string | undefined;
type Attributes = Readonly<Record<string, string | undefined>>;

export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  return filled(document.createElement(tag), attributes, children);
}

const SVG = 'http://www.w3.org/2000/svg';

export function s<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Tag] {
  const texts = Object.entries(attributes).map(([name, value]) => [
    name,
    value === undefined ? undefined : `${value}`,
  ]);
  return filled(document.createElementNS(SVG, tag), Object.fromEntries(texts), children);
}

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** An element of the page by its id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/** Sets a text if it is another one, so that what is selected stays so. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export const setClass = (element: Element, value: string): void => setAttribute(element, 'class', value);

/** What shows one thing of many, and is kept while that is there. */
export interface Shown<Thing> {
  readonly element: Element;
  update(thing: Thing): void;
}

/**
 * Shows things in a parent, each by an element of its own that stays the same as long as the thing's key is there: focus,
 * selection and what was opened outlive an update.
 */
export function createList<Thing>(
  parent: Element,
  keyOf: (thing: Thing) => string,
  create: (thing: Thing) => Shown<Thing>,
): (things: readonly Thing[]) => void {
  let shown = new Map<string, Shown<Thing>>();
  return (things) => {
    const next = new Map<string, Shown<Thing>>();
    let place = parent.firstElementChild;
    for (const thing of things) {
      const key = keyOf(thing);
      const each = shown.get(key) ?? create(thing);
      next.set(key, each);
      each.update(thing);
      if (each.element === place) place = place.nextElementSibling;
      else parent.insertBefore(each.element, place);
    }
    for (const [key, { element }] of shown) if (!next.has(key)) element.remove();
    shown = next;
  };
}
