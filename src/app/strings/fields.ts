/** Words of fields that every page has. */
export const fields = {
  /** `used`: what holds until it is right, where that is something else. */
  badNumber: (
    low: string,
    high: string,
    {
      whole = false,
      mayBeEmpty = false,
      used,
    }: { whole?: boolean; mayBeEmpty?: boolean; used?: string } = {},
  ) =>
    `Write a ${whole ? 'whole ' : ''}number from ${low} to ${high}${mayBeEmpty ? ', or nothing' : ''}.` +
    (used === undefined ? '' : ` Until then it is ${used}.`),
} as const;
