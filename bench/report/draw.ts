/** Turns the options of a plot into SVG. Colours are CSS variables of the page, so that one picture serves light and dark. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** linkedom's document is as much of one as Plot needs. */
const DOCUMENT = parseHTML('<!doctype html><html><body></body></html>').document as unknown as NonNullable<
  Plot.PlotOptions['document']
>;
const WIDTH = 720;
/** Axis labels clear of the tick labels. */
export const LABEL_OFFSET: number = 40;
const FONT = { fontFamily: 'inherit', fontSize: '12px', background: 'transparent' };

export interface Figure {
  readonly title: string;
  readonly text: string;
  readonly svg: string;
}

export function draw(options: Plot.PlotOptions): string {
  const element = Plot.plot({
    width: WIDTH,
    marginBottom: 46,
    marginLeft: 56,
    style: FONT,
    document: DOCUMENT,
    ...options,
  });
  const svg = element.outerHTML;
  return svg.includes('xmlns=') ? svg : svg.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"');
}
