import { expect, it } from 'vitest';
import { TrainedModels } from './trained-models';

const storage = (map = new Map<string, string>()) => ({
  map,
  getItem: (key: string) => map.get(key) ?? null,
  setItem: (key: string, value: string) => void map.set(key, value),
});
const option = (id: string) => ({ id, name: id, note: '', bytes: 1 });
const how = { promptStyle: 'compact', documentsPerQuery: 5 } as const;

it('a model that was trained here keeps the instructions that it was trained with', () => {
  const kept = storage();
  new TrainedModels(kept).remember('mine', how);
  const again = new TrainedModels(kept);
  const full = { ...option('known'), search: { promptStyle: 'full', documentsPerQuery: 8 } as const };
  expect(again.known([option('mine'), option('other'), full])).toEqual([
    { ...option('mine'), search: how },
    option('other'),
    full,
  ]);
});

it('a model that learned another protocol here is known by that one, whatever its base was made for', () => {
  const kept = storage();
  new TrainedModels(kept).remember('mine', { ...how, trainedFor: 'search-r1' });
  const [mine] = new TrainedModels(kept).known([{ ...option('mine'), trainedFor: 'general' as const }]);
  expect(mine).toEqual({ ...option('mine'), search: how, trainedFor: 'search-r1' });
});

it('nothing is known where storage holds nonsense, or is denied', () => {
  const broken = storage(new Map([['s3-web.trained-models', '{"mine":{"promptStyle":"other"}}']]));
  expect(new TrainedModels(broken).known([option('mine')])).toEqual([option('mine')]);
  const denied = new TrainedModels(null);
  denied.remember('mine', how);
  expect(denied.known([option('mine')])).toEqual([option('mine')]);
});
