import { transferHandlers, type TransferHandler } from 'comlink';
import { AppError } from '../../protocol/errors';
import { packThrown, unpackThrown, type ThrownOnTheWire } from './error-transfer';

/** Consumer to producer. One answer per request, in order. */
interface Pull {
  id: number;
  op: 'next' | 'return';
}
type Answer =
  | { id: number; done: false; value: unknown }
  | { id: number; done: true }
  | { id: number; thrown: ThrownOnTheWire };

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Symbol.asyncIterator in value &&
    !(value instanceof ReadableStream)
  );
}

/** The producer runs only when asked: an unread stream costs nothing, and a consumer that stops reading stops it. */
function produce(iterable: AsyncIterable<unknown>): MessagePort {
  const { port1, port2 } = new MessageChannel();
  const iterator = iterable[Symbol.asyncIterator]();
  const answer = async ({ id, op }: Pull): Promise<Answer> => {
    try {
      const step = op === 'next' ? await iterator.next() : await iterator.return?.();
      return !step || step.done ? { id, done: true } : { id, done: false, value: step.value };
    } catch (thrown) {
      return { id, thrown: packThrown(thrown) };
    }
  };
  port1.onmessage = (event: MessageEvent<Pull>) => {
    void answer(event.data).then((reply) => {
      try {
        port1.postMessage(reply);
      } catch (thrown) {
        // A value that structured clone refuses: the consumer must hear of it, or it would wait for ever.
        port1.postMessage({ id: event.data.id, thrown: packThrown(thrown) } satisfies Answer);
      }
    });
  };
  // The consumer went away without a word (its thread ended): let the producer clean up.
  port1.addEventListener('close', () => void iterator.return?.().catch(() => undefined));
  return port2;
}

class RemoteIterator implements AsyncIterableIterator<unknown> {
  private readonly waiting = new Map<
    number,
    { resolve: (step: IteratorResult<unknown, undefined>) => void; reject: (error: unknown) => void }
  >();
  private nextId = 0;
  private finished = false;

  constructor(private readonly port: MessagePort) {
    port.onmessage = (event: MessageEvent<Answer>) => this.receive(event.data);
    port.addEventListener('close', () => this.abandon());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return this.ask('next');
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    return this.ask('return');
  }

  private ask(op: Pull['op']): Promise<IteratorResult<unknown, undefined>> {
    if (this.finished) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      this.port.postMessage({ id, op } satisfies Pull);
    });
  }

  private receive(answer: Answer): void {
    const caller = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('thrown' in answer) caller?.reject(unpackThrown(answer.thrown));
    else if (answer.done) caller?.resolve({ done: true, value: undefined });
    else caller?.resolve({ done: false, value: answer.value });
    if ('thrown' in answer || answer.done) this.finish();
  }

  private finish(): void {
    this.finished = true;
    for (const { resolve } of this.waiting.values()) resolve({ done: true, value: undefined });
    this.waiting.clear();
    this.port.close();
  }

  private abandon(): void {
    this.finished = true;
    const error = new AppError('INTERNAL', 'The worker stopped in the middle of its answer.', {
      fix: 'Try again; reload the page if it happens repeatedly.',
      recoverable: true,
    });
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

/** An async iterable given or returned as a value of its own is pulled across, one item per request. */
export function installAsyncIterableTransfer(): void {
  const handler: TransferHandler<AsyncIterable<unknown>, MessagePort> = {
    canHandle: isAsyncIterable,
    serialize: (iterable) => {
      const port = produce(iterable);
      return [port, [port]];
    },
    deserialize: (port) => new RemoteIterator(port),
  };
  transferHandlers.set('async-iterable', handler as TransferHandler<unknown, unknown>);
}
