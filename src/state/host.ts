/** The host that data would go to; null where the address is not an http one, or carries credentials. */
export function hostOf(baseUrl: string): string | null {
  try {
    const url = new URL(baseUrl);
    const plain = (url.protocol === 'http:' || url.protocol === 'https:') && !url.username && !url.password;
    return plain ? url.host : null;
  } catch {
    return null;
  }
}
