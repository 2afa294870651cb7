import { type Child, h, setAttribute, setClass, setText } from './dom.ts';
import type { Tone } from './view.ts';

/** Pieces that several views are made of. */

/** A word with a colour, and a dot for those who see none. */
export const chip = (): HTMLElement => h('span', { class: 'chip' });

export function setChip(element: Element, tone: Tone, text: string, title?: string): void {
  setClass(element, `chip ${tone}`);
  setText(element, text);
  setAttribute(element, 'title', title);
}

export interface Column {
  readonly name: string;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
}

/** A table with its head; rows go into its body. */
export function table(label: string, columns: readonly Column[]): { whole: HTMLElement; body: HTMLElement } {
  const heads = columns.map(({ name, isNumber }) =>
    h('th', { scope: 'col', class: isNumber ? 'number' : undefined }, name),
  );
  const body = h('tbody');
  const whole = h('table', { 'aria-label': label }, h('thead', {}, h('tr', {}, ...heads)), body);
  return { whole, body };
}

/** A cell that says its column by itself where there is no room for a table. */
export const cell = ({ name, isNumber }: Column, ...children: readonly Child[]): HTMLTableCellElement =>
  h('td', { 'data-label': name, class: isNumber ? 'number' : undefined }, h('div', {}, ...children));

/** What is said where there is nothing to show. */
export const empty = (): HTMLElement => h('p', { class: 'empty' });

/** A field to look for something. */
export function field(
  label: string,
  id: string,
  hint: string,
): { whole: HTMLElement; input: HTMLInputElement } {
  const attributes = { id, type: 'search', placeholder: hint, autocomplete: 'off', spellcheck: 'false' };
  const input = h('input', attributes);
  return { whole: h('label', { for: id }, h('span', {}, label), input), input };
}
