/** The models of this device: imports and what is stored, away from the page's thread. Its interface is `ModelLibraryApi`. */
import { ModelLibrary } from '../src/generate/model-library';
import { systemClock } from '../src/platform/clock';
import { serve } from '../src/platform/rpc/connection';
import { browserModelExports, browserModelStore } from '../src/platform/storage/browser-storage';

serve(
  new ModelLibrary({
    store: () => browserModelStore(),
    fetch: (input, init) => fetch(input, init),
    clock: systemClock,
    exportTo: browserModelExports(),
  }),
);
