/** Words of the frame: every page wears it. */
export const frame = {
  product: 's3-web',
  skip: 'Skip to content',
  pages: {
    ask: 'Ask',
    corpora: 'Corpora',
    models: 'Models',
    train: 'Train',
    evaluate: 'Evaluate',
    glossary: 'Glossary',
  },
  pagesLabel: 'Pages',
  menu: 'Menu',
  theme: {
    label: 'Theme',
    next: {
      auto: 'Theme: as the system. Switch to light',
      light: 'Theme: light. Switch to dark',
      dark: 'Theme: dark. Switch to as the system',
    },
  },
  capability: {
    looking: 'looking at this device',
    none: 'no WebGPU · runs on WASM and CPU',
    software: 'WebGPU in software only · runs on WASM and CPU',
    noF16: 'no f16',
    f16: 'f16',
    nothingLeaves: 'nothing leaves this tab',
    leavesTo: (host: string) => `questions and kept passages go to ${host}`,
    queriesTo: (host: string) => `queries go to ${host}`,
    readFrom: (host: string) => `passages are read from ${host}`,
    opens: 'Open the full report',
  },
  report: {
    title: 'What runs where',
    lede: 'What this browser offers, and what s3-web does with it.',
    copy: 'Copy report',
    copied: 'Copied',
    close: 'Close',
    ok: 'yes',
    degraded: 'degraded',
    missing: 'no',
    rows: {
      adapter: 'WebGPU adapter',
      f16: 'shader-f16',
      subgroups: 'Subgroups',
      buffer: 'Largest GPU buffer',
      binding: 'Largest storage binding',
      isolated: 'Cross-origin isolation',
      threads: 'Processor threads',
      opfs: 'Private file system (OPFS)',
      locks: 'Web Locks',
      wakeLock: 'Wake lock',
      storage: 'Storage',
      browser: 'Browser',
    },
    notes: {
      software:
        'A software adapter is slower than the processor itself, so the models run on the CPU and the encoder on WASM, unless the settings of the run ask for WebGPU. On Linux, Chrome may need its Vulkan flag to use the GPU.',
      noAdapter: 'Without an adapter the models run on the processor. The demo is small enough for that.',
      noIsolation:
        'Without isolation the WASM runtime has one thread. The server must send COOP and COEP headers.',
      noF16: 'Weights are kept as f32 on the GPU.',
    },
    inMemory: 'Models in memory',
    model: (where: string, weights: string, bytes: string) => `${where} · ${weights} · ${bytes}`,
    used: (used: string, quota: string) => `${used} of ${quota} used`,
    kept: 'kept even when space is short',
    notKept: 'the browser may clear it when space is short',
    leaves: 'What leaves this machine',
    leavesNothing:
      'Nothing. Documents, questions and answers stay in this tab. The page asks its own origin for files, and the hub only for a model or a data set that you choose from there.',
    leavesEndpoint: (role: 'searcher' | 'generator' | 'corpus' | 'pack', host: string) =>
      role === 'corpus'
        ? `The corpus lies on a retrieval server: every query goes to ${host}.`
        : role === 'pack'
          ? `The corpus is read where it lies: the search runs here, and ${host} sees which parts of it are read.`
          : `The ${role} is an endpoint: the question and the passages shown to it go to ${host}.`,
  },
  error: {
    retry: 'Try again',
    dismiss: 'Dismiss',
    notCopied: 'The browser refused to copy',
    unexpected: 'Something unexpected went wrong.',
    pageFailed: 'This page could not be loaded. Check the connection and try again.',
  },
} as const;
