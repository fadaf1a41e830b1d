/** How our charts are set up in uPlot: colours of the theme, the healthy band behind the lines, a cursor shared by all of them. */
import uPlot from 'uplot';
import type { HealthyBand } from '../../state/train-metrics';

export interface Palette {
  ink: string;
  soft: string;
  hairline: string;
  accent: string;
  good: string;
  sans: string;
}

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ...{ ink: of('--ink'), soft: of('--ink-soft'), hairline: of('--hairline'), accent: of('--accent') },
    ...{ good: of('--good'), sans: of('--sans') },
  };
}

/** What a line is: the smoothed curve, what lies after the step that is looked at, the values themselves, another run's curve. */
export type LineKind = 'main' | 'after' | 'raw' | 'beside';

export interface ChartSetting {
  width: number;
  height: number;
  lines: readonly LineKind[];
  /** Read at every drawing, so that a change of theme needs no new chart. */
  palette: () => Palette;
  band: () => HealthyBand | undefined;
  /** The step that is looked at. */
  at: () => number | null;
  xRange: () => [number, number];
  format: (value: number) => string;
  small: boolean;
  /** A logarithmic y axis; all values are positive then. */
  logarithmic: boolean;
  oncursor: (index: number | null) => void;
}

const DASHES = [
  [6, 4],
  [2, 3],
  [9, 3, 2, 3],
];

/** The range of the y axis: all values and the band, with room, from 0 where that is near. */
export function yRange(
  low: number | null,
  high: number | null,
  band: HealthyBand | undefined,
): [number, number] {
  const ends = [low, high, band?.low, band?.high].filter((end) => end !== null && end !== undefined);
  if (ends.length === 0) return [0, 1];
  let least = Math.min(...ends);
  let most = Math.max(...ends);
  // What differs by no more than rounding is level.
  if (most - least <= Math.abs(most) * 1e-6) {
    const room = Math.abs(least) > 0 ? Math.abs(least) * 0.5 : 1;
    [least, most] = [least - room, most + room];
  }
  if (least > 0 && least < most * 0.45) least = 0;
  const room = (most - least) * 0.08;
  return [least === 0 ? 0 : least - room, most + room];
}

/** As `yRange`, for powers of ten: an end of the band at 0 is below everything. */
export function logRange(
  low: number | null,
  high: number | null,
  band: HealthyBand | undefined,
): [number, number] {
  const ends = [low, high, band?.low, band?.high].filter(
    (end): end is number => end !== null && end !== undefined && end > 0,
  );
  if (ends.length === 0) return [0.1, 1];
  return [Math.min(...ends) / 1.4, Math.max(...ends) * 1.4];
}

function drawBand(u: uPlot, { band, palette }: ChartSetting): void {
  const healthy = band();
  if (!healthy) return;
  const { ctx, bbox } = u;
  const y = (value: number): number =>
    Math.min(bbox.top + bbox.height, Math.max(bbox.top, u.valToPos(value, 'y', true)));
  const top = healthy.high === undefined ? bbox.top : y(healthy.high);
  const bottom = healthy.low === undefined ? bbox.top + bbox.height : y(healthy.low);
  ctx.save();
  ctx.fillStyle = palette().good;
  ctx.globalAlpha = 0.1;
  ctx.fillRect(bbox.left, top, bbox.width, Math.max(bottom - top, 1));
  ctx.globalAlpha = 0.45;
  ctx.strokeStyle = palette().good;
  ctx.lineWidth = uPlot.pxRatio;
  ctx.setLineDash([3 * uPlot.pxRatio, 3 * uPlot.pxRatio]);
  ctx.beginPath();
  for (const edge of [healthy.high === undefined ? null : top, healthy.low === undefined ? null : bottom]) {
    if (edge === null || edge <= bbox.top || edge >= bbox.top + bbox.height - 1) continue;
    ctx.moveTo(bbox.left, edge);
    ctx.lineTo(bbox.left + bbox.width, edge);
  }
  ctx.stroke();
  ctx.restore();
}

function drawStep(u: uPlot, { at, palette }: ChartSetting): void {
  const step = at();
  if (step === null) return;
  const { ctx, bbox } = u;
  const x = Math.round(u.valToPos(step, 'x', true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = palette().ink;
  ctx.globalAlpha = 0.7;
  ctx.lineWidth = uPlot.pxRatio;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

function seriesOf(kind: LineKind, beside: number, { palette, small, lines }: ChartSetting): uPlot.Series {
  const width = small ? 1.5 : 2;
  const lone: uPlot.Series.Points = {
    show: (u) => u.data[0].length < 3,
    size: 5,
    fill: () => palette().accent,
  };
  const quiet: uPlot.Series.Points = { show: false };
  switch (kind) {
    case 'main':
      return { stroke: () => palette().accent, width, points: lone };
    case 'after':
      return {
        stroke: () => `color-mix(in srgb, ${palette().accent} 30%, transparent)`,
        width,
        points: quiet,
      };
    case 'raw':
      return {
        stroke: () => `color-mix(in srgb, ${palette().accent} 34%, transparent)`,
        width: 1,
        points: quiet,
      };
    case 'beside':
      return {
        ...{ stroke: () => palette().soft, width: lines.length > 4 ? 1 : 1.25, points: quiet },
        dash: DASHES[beside % DASHES.length] ?? [6, 4],
      };
  }
}

/** All charts of the page share their cursor under this key. */
const SYNC = 'train';

export function chartOptions(setting: ChartSetting): uPlot.Options {
  const { palette, small, band, format } = setting;
  const font = `${small ? 10 : 11}px ${palette().sans}`;
  const axis: uPlot.Axis = {
    ...{ stroke: () => palette().soft, font, ticks: { show: false } },
    grid: { stroke: () => palette().hairline, width: 1 },
  };
  let beside = 0;
  return {
    ...{ width: setting.width, height: setting.height, legend: { show: false }, pxAlign: 1 },
    padding: [6, 10, 0, 0],
    scales: {
      x: { time: false, range: () => setting.xRange() },
      // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a const enum has no value at run time; 3 is logarithmic
      y: setting.logarithmic
        ? { distr: 3, log: 10, range: (_u, low, high) => logRange(low, high, band()) }
        : { range: (_u, low, high) => yRange(low, high, band()) },
    },
    axes: [
      {
        ...{ ...axis, grid: { show: false }, size: small ? 20 : 24, gap: 3, space: small ? 60 : 80 },
        // Steps are whole.
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000],
        values: (_u, ticks) => ticks.map((tick) => String(tick)),
      },
      {
        ...{ ...axis, size: small ? 46 : 52, gap: 4, space: small ? 26 : 34 },
        // Of a logarithmic axis, some are left without words.
        values: (_u, ticks: (number | null)[]) => ticks.map((tick) => (tick === null ? '' : format(tick))),
      },
    ],
    series: [{}, ...setting.lines.map((kind) => seriesOf(kind, kind === 'beside' ? beside++ : 0, setting))],
    cursor: {
      ...{
        y: false,
        drag: { x: false, y: false, setScale: false },
        sync: { key: SYNC, scales: ['x', null] },
      },
      points: { size: 6, width: 1.5, fill: () => palette().accent, stroke: () => palette().accent },
    },
    hooks: {
      drawAxes: [(u) => drawBand(u, setting)],
      draw: [(u) => drawStep(u, setting)],
      setCursor: [(u) => setting.oncursor(u.cursor.idx ?? null)],
    },
  };
}
