/**
 * The pole on a cart of Barto, Sutton and Anderson ("Neuronlike adaptive elements", 1983) with the numbers of Gymnasium's CartPole-v1:
 * reward 1 a step, over when the pole leans by 12° or the cart is 2.4 m away, and after 500 steps.
 */
import type { Random } from '../../../lm/random';

export const OBSERVATION_SIZE = 4;
export const ACTIONS = 2;
const MAX_STEPS = 500;
const [GRAVITY, POLE_MASS, TOTAL_MASS, HALF_LENGTH, FORCE, SECONDS] = [9.8, 0.1, 1.1, 0.5, 10, 0.02];

export class CartPole {
  #state = new Float64Array(OBSERVATION_SIZE);
  #steps = 0;

  constructor(private readonly random: Random) {
    this.reset();
  }

  /** Position (m), velocity, angle (rad), angular velocity. */
  get observation(): Float64Array {
    return this.#state.slice();
  }

  reset(): void {
    this.#state = this.#state.map(() => this.random.uniform() * 0.1 - 0.05);
    this.#steps = 0;
  }

  /** @returns whether the episode is over; every step is worth 1 */
  step(action: number): boolean {
    const [x = 0, speed = 0, angle = 0, turning = 0] = this.#state;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const moment = POLE_MASS * HALF_LENGTH;
    const push = ((action === 1 ? FORCE : -FORCE) + moment * turning ** 2 * sin) / TOTAL_MASS;
    const turn = (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4 / 3 - (POLE_MASS * cos ** 2) / TOTAL_MASS));
    const pull = push - (moment * turn * cos) / TOTAL_MASS;
    this.#state.set([
      x + SECONDS * speed,
      speed + SECONDS * pull,
      angle + SECONDS * turning,
      turning + SECONDS * turn,
    ]);
    this.#steps += 1;
    const [at = 0, , lean = 0] = this.#state;
    return Math.abs(at) > 2.4 || Math.abs(lean) > (12 * Math.PI) / 180 || this.#steps >= MAX_STEPS;
  }
}
