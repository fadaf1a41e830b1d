/** The local language model, away from the page's thread. Its interface is `LmWorkerApi`. */
import { LocalModelService } from '../src/generate/local-service';
import { pickBackend } from '../src/generate/pick-backend';
import { systemClock } from '../src/platform/clock';
import { serve } from '../src/platform/rpc/connection';
import { browserModelStore } from '../src/platform/storage/browser-storage';
import { AppError } from '../src/protocol/errors';

serve(
  new LocalModelService({
    fetch: (input, init) => fetch(input, init),
    sha256: async (bytes) => {
      // Typed as always there, but missing on pages that came over plain HTTP from another machine.
      const { subtle } = crypto as { subtle?: SubtleCrypto };
      if (subtle) return subtle.digest('SHA-256', bytes);
      throw new AppError('UNSUPPORTED', 'This page was not loaded securely, so models cannot be checked.', {
        fix: 'Open it over https, or from localhost.',
      });
    },
    pick: (wanted) => pickBackend('gpu' in navigator ? navigator.gpu : undefined, wanted),
    clock: systemClock,
    store: () => browserModelStore(),
  }),
);
