import { createOpenAiModel } from '../generate/openai';
import { systemClock } from '../platform/clock';
import { AppError } from '../protocol/errors';
import type { LanguageModel } from '../protocol/language-model';
import type { EndpointRole } from './endpoints.svelte';
import type { Endpoint } from './laboratory';

export function requireEndpoint(role: EndpointRole, endpoint: Endpoint | null): Endpoint {
  if (endpoint) return endpoint;
  throw new AppError('BAD_INPUT', `No endpoint is set up for the ${role}.`, {
    fix: 'Set one up on the Models page, or choose the demo model in the settings of the run.',
  });
}

export const endpointModel = ({ baseUrl, model, key }: Endpoint): LanguageModel =>
  createOpenAiModel({
    baseUrl,
    model,
    ...(key !== '' && { apiKey: key }),
    fetch: (input, init) => fetch(input, init),
    clock: systemClock,
    random: Math.random,
  });
