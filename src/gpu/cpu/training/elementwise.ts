/** Backward passes of rotation and embedding. */
import { ROW_FIELDS, ROW_POSITION, ROW_TOKEN, type HeadShape } from '../../backend';

/** See `RotateGradientArguments`. */
export function rotateGradient(
  gradient: Float32Array,
  angles: Float32Array,
  rowTable: Uint32Array,
  { queryHeads, keyValueHeads, headSize }: HeadShape,
  rows: number,
): void {
  const half = headSize >> 1;
  const stride = (queryHeads + 2 * keyValueHeads) * headSize;
  for (let row = 0; row < rows; row += 1) {
    const angle = rowTable[row * ROW_FIELDS + ROW_POSITION]! * headSize;
    for (let head = 0; head < queryHeads + keyValueHeads; head += 1) {
      const at = row * stride + head * headSize;
      for (let i = 0; i < half; i += 1) {
        const [cos, sin] = [angles[angle + i]!, angles[angle + half + i]!];
        const [a, b] = [gradient[at + i]!, gradient[at + half + i]!];
        gradient[at + i] = a * cos + b * sin;
        gradient[at + half + i] = b * cos - a * sin;
      }
    }
  }
}

export function embedGradient(
  outputGradient: Float32Array,
  rowTable: Uint32Array,
  tableGradient: Float32Array,
  rows: number,
  width: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    const to = rowTable[row * ROW_FIELDS + ROW_TOKEN]! * width;
    for (let i = 0; i < width; i += 1) tableGradient[to + i]! += outputGradient[row * width + i]!;
  }
}
