/** A promise that answers when it is told to, in the same step: the event loop has no say in it. */
export function promiseOf<T>(
  run: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): PromiseLike<T> {
  return new HandDriven(run) as unknown as PromiseLike<T>
}

class HandDriven<T> {
  readonly #run: (resolve: (value: T) => void, reject: (error: unknown) => void) => void

  constructor(run: (resolve: (value: T) => void, reject: (error: unknown) => void) => void) {
    this.#run = run
  }

  // oxlint-disable-next-line unicorn/no-thenable -- being one is what this class is for
  then(resolve: (value: T) => void, reject: (error: unknown) => void): void {
    this.#run(resolve, reject)
  }
}
