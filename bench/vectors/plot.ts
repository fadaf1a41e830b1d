export interface Series {
  name: string;
  /** Vectors and milliseconds. */
  points: [number, number][];
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [720, 420, 70, 50, 20, 20];
const COLOURS = ['#1f6feb', '#d1570a', '#2c8a4b', '#8250df'];

/** Both axes are logarithmic. */
export function growthPlot(series: readonly Series[]): string {
  const points = series.flatMap((one) => one.points);
  const reach = (values: number[]): [number, number] => [
    Math.floor(Math.log10(Math.min(...values))),
    Math.ceil(Math.log10(Math.max(...values))),
  ];
  const [x0, x1] = reach(points.map(([count]) => count));
  const [y0, y1] = reach(points.map(([, ms]) => ms));
  const x = (count: number): number => LEFT + ((Math.log10(count) - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const y = (ms: number): number =>
    HEIGHT - BOTTOM - ((Math.log10(ms) - y0) / (y1 - y0)) * (HEIGHT - BOTTOM - TOP);
  const decades = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  const label = (value: number): string =>
    value >= 1 ? value.toLocaleString('en') : String(Number(value.toPrecision(2)));
  const lines = [
    ...decades(x0, x1).map(
      (n) =>
        `<path d="M${x(n)} ${TOP}V${HEIGHT - BOTTOM}" stroke="#ddd"/><text x="${x(n)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${label(n)}</text>`,
    ),
    ...decades(y0, y1).map(
      (n) =>
        `<path d="M${LEFT} ${y(n)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 8}" y="${y(n) + 4}" text-anchor="end">${label(n)} ms</text>`,
    ),
    ...series.map(({ name, points: of }, i) => {
      const path = of.map(
        ([count, ms], at) => `${at === 0 ? 'M' : 'L'}${x(count).toFixed(1)} ${y(ms).toFixed(1)}`,
      );
      const colour = COLOURS[i % COLOURS.length] ?? '#000';
      const dots = of.map(
        ([count, ms]) => `<circle cx="${x(count).toFixed(1)}" cy="${y(ms).toFixed(1)}" r="3"/>`,
      );
      return `<g fill="${colour}"><path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}<text x="${LEFT + 14}" y="${TOP + 18 + 18 * i}">${name}</text></g>`;
    }),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#333">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${lines.join('\n')}
<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">vectors of 384 dimensions; one query, ten results</text>
</svg>
`;
}
