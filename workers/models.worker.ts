/** The models of this device: imports and what is stored, away from the page's thread. Its interface is `ModelLibraryApi`. */
import { ModelLibrary } from '../src/generate/model-library';
import { serve } from '../src/platform/rpc/connection';
import { browserModelStore } from '../src/platform/storage/browser-storage';
import { AppError } from '../src/protocol/errors';

serve(
  new ModelLibrary({
    store: () => browserModelStore(),
    openSource: () => {
      throw new AppError('UNSUPPORTED', 'Importing is not there yet.');
    },
  }),
);
