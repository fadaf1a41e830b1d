import { createScriptedLaboratory } from './scripted-laboratory';
import type { Laboratory } from './laboratory';

export const createBrowserLaboratory = (): Laboratory => createScriptedLaboratory();
