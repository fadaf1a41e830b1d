/** What is stored by this page and how much may be; null where the browser does not say. */
export async function storageReport(): Promise<{
  usedBytes: number;
  quotaBytes: number;
  persisted: boolean;
} | null> {
  try {
    const { usage = 0, quota = 0 } = await navigator.storage.estimate();
    return { usedBytes: usage, quotaBytes: quota, persisted: await navigator.storage.persisted() };
  } catch {
    // No storage manager, or a private window that refuses.
    return null;
  }
}

/** Asks the browser to keep what is stored even when space is short; false where it does not promise. */
export async function askToPersist(): Promise<boolean> {
  try {
    return await navigator.storage.persist();
  } catch {
    // As above.
    return false;
  }
}
