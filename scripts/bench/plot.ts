import type { Figures } from './measure.ts';

const WIDTH = 380;
const HEIGHT = 240;
const LEFT = 60;
const TOP = 40;
const COLOURS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd'];

interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Plots time and memory by the number of namespaces, side by side, as SVG. Pure. */
export function plot(all: readonly Figures[]): string {
  const counts = [...new Set(all.map(({ credentials }) => credentials))];
  const lineOf = (credentials: number, name: string, y: (figures: Figures) => number): Line => ({
    name: `${name}, ${credentials} ${credentials === 1 ? 'credential' : 'credentials'}`,
    points: all.filter((figures) => figures.credentials === credentials).map((figures) => [figures.namespaces, y(figures)]),
  });
  const time = counts.flatMap((count) => [
    lineOf(count, 'all placed', ({ startMs }) => startMs / 1000),
    lineOf(count, 'floor', ({ floorMs }) => floorMs / 1000),
  ]);
  const memory = counts.map((count) => lineOf(count, 'peak', ({ peakMiB }) => peakMiB));
  const style = '<style>text{font:12px sans-serif;fill:#333}.t{font-weight:bold}.a{stroke:#999;fill:none}</style>';
  const width = 2 * (WIDTH + LEFT + 40);
  const height = HEIGHT + TOP + 50 + 18 * time.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}"><title>Time and memory by namespaces</title><rect width="100%" height="100%" fill="white"/>${style}${chart(0, 'From process start to all placed (s)', time)}${chart(WIDTH + LEFT + 40, 'Memory (MiB)', memory)}</svg>\n`;
}

function chart(offset: number, title: string, lines: readonly Line[]): string {
  const points = lines.flatMap(({ points }) => points);
  const mostX = Math.max(...points.map(([x]) => x));
  const mostY = Math.max(...points.map(([, y]) => y)) * 1.1;
  const at = (x: number, y: number) =>
    `${(offset + LEFT + (x / mostX) * WIDTH).toFixed(1)},${(TOP + HEIGHT - (y / mostY) * HEIGHT).toFixed(1)}`;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const y = TOP + HEIGHT - part * HEIGHT;
    return `<text x="${offset + LEFT - 6}" y="${y + 4}" text-anchor="end">${nice(mostY * part)}</text>`;
  });
  const sizes = [...new Set(points.map(([x]) => x))].map((x) => {
    const [px] = at(x, 0).split(',');
    return `<text x="${px}" y="${TOP + HEIGHT + 16}" text-anchor="middle">${x}</text>`;
  });
  const drawn = lines.map(({ name, points }, n) => {
    const colour = COLOURS[n % COLOURS.length];
    const y = TOP + HEIGHT + 38 + 18 * n;
    const dots = points.map(([px, py]) => `<circle cx="${at(px, py).replace(',', '" cy="')}" r="3" fill="${colour}"/>`).join('');
    return `<polyline points="${points.map(([px, py]) => at(px, py)).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}<rect x="${offset + LEFT}" y="${y - 9}" width="12" height="4" fill="${colour}"/><text x="${offset + LEFT + 18}" y="${y}">${name}</text>`;
  });
  const axes = `<path class="a" d="M${offset + LEFT},${TOP}V${TOP + HEIGHT}H${offset + LEFT + WIDTH}"/>`;
  return `<text class="t" x="${offset + LEFT}" y="${TOP - 16}">${title} by namespaces</text>${axes}${[...ticks, ...sizes, ...drawn].join('')}`;
}

const nice = (value: number) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));
