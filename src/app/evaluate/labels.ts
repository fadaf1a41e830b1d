/** Systems in the words of the page: a label that is only the system's id reads as its name. */
import type { SystemId } from '../../protocol/trace';
import { SYSTEM_IDS } from '../../protocol/trace';
import { systemName } from '../ask/lane-words';

export function shownLabel(label: string): string {
  const system: SystemId | undefined = SYSTEM_IDS.find((id) => id === label);
  return system ? systemName(system) : label;
}
