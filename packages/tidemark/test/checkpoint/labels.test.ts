import { describe, expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import type { Io } from '../../src/base/io.ts'
import type { Storage } from '../../src/base/ports.ts'
import { classify, collectGarbage } from '../../src/checkpoint/gc.ts'
import { withCheckpoints } from '../../src/checkpoint/inspection/open.ts'
import { listCheckpoints } from '../../src/checkpoint/inspect.ts'
import { checkLabelName, readLabels, removeLabel, setLabel } from '../../src/checkpoint/labels.ts'
import { labelFile, manifestFile, removingFile } from '../../src/checkpoint/layout.ts'
import { readFacts } from '../../src/checkpoint/read.ts'
import { parseReference } from '../../src/checkpoint/references.ts'
import { failureOf, StateDirectory } from './state-world.ts'
import { DIR, outcomeOf, run } from './world.ts'

const present = (directory: StateDirectory): number[] =>
  run(listCheckpoints(directory.storage, DIR, 0)).checkpoints.map(({ id }) => id)
const never = (): Io<void> => {
  throw new Error('nothing is to be waited for')
}
const label = (directory: StateDirectory, id: number, name: string, storage = directory.storage) =>
  run(setLabel({ storage, salt: 1, pause: never }, DIR, checkpointId(id), name))
const collect = (directory: StateDirectory, storage = directory.storage) => {
  const policy = { mine: directory.open('latest').manifest.epoch, retain: 1, floor: 99 }
  return run(collectGarbage(directory.world.ports(storage), DIR, policy))
}
const three = (): StateDirectory => {
  const directory = new StateDirectory()
  for (const id of [1, 2, 3]) directory.write(id, [{ name: 'op', states: [{ name: 's', entries: [['a', undefined, id]] }] }])
  return directory
}

describe('references', () => {
  test.each([
    ['latest', { kind: 'latest', back: 0 }], ['latest-2', { kind: 'latest', back: 2 }], ['42', { kind: 'number', id: 42 }],
    ['@before-deploy', { kind: 'label', name: 'before-deploy' }],
  ])('RF-1 %s is understood', (text, reference) => expect(parseReference(text)).toEqual(reference))

  test.each(['', '0', '042', '-1', 'newest', 'latest-', 'latest-x', '@', '@Upper', '@../x', '#1', '1n'])(
    '%j is no reference, and names no checkpoint', (text) => {
      expect(parseReference(text)).toBeUndefined()
      expect(failureOf(() => three().open(text)).code).toBe('E047')
    })

  test('each form names one checkpoint, and what is not there is an error that says what is', () => {
    const directory = three()
    label(directory, 2, 'release')
    const id = (ref: string): number => directory.open(ref).manifest.checkpoint
    expect(['latest', 'latest-1', 'latest-2', '1', '@release'].map(id)).toEqual([3, 2, 1, 1, 2])
    expect(failureOf(() => id('latest-3'))).toMatchObject({ code: 'E047', why: expect.stringContaining('1, 2, 3') })
    expect(failureOf(() => id('4')).code).toBe('E047')
    expect(failureOf(() => id('@relaese'))).toMatchObject({ code: 'E144', message: expect.stringContaining('Did you mean "release"?') })
  })

  const spoil = (directory: StateDirectory, id: number): void => {
    run(directory.storage.unlink(manifestFile(DIR, id)))
    const file = run(directory.storage.create(manifestFile(DIR, id)))
    run(directory.storage.append(file, new TextEncoder().encode('nonsense')))
  }

  test('RF-2 a damaged newest checkpoint is reported, and no other one is given for it, nor listed as where the next start goes on', () => {
    const directory = three()
    spoil(directory, 3)
    expect(directory.open('latest-1').manifest.checkpoint).toBe(2)
    expect(directory.open('latest-2').manifest.checkpoint).toBe(1)
    expect(run(listCheckpoints(directory.storage, DIR, 0)).checkpoints.map(({ latest }) => latest)).toEqual([false, false, false])
    expect(failureOf(() => directory.open('latest')).code).toBe('E050')
    expect(failureOf(() => directory.open('3')).code).toBe('E050')
    expect(directory.open('2').manifest.checkpoint).toBe(2)
  })

  test('RF-2 a damaged one before the newest counts, too', () => {
    const directory = three()
    spoil(directory, 2)
    expect(directory.open('latest').manifest.checkpoint).toBe(3)
    expect(failureOf(() => directory.open('latest-1')).code).toBe('E050')
    expect(directory.open('latest-2').manifest.checkpoint).toBe(1)
    expect(run(listCheckpoints(directory.storage, DIR, 0)).checkpoints.map(({ latest }) => latest)).toEqual([false, false, true])
  })
})

describe('labels', () => {
  test('GC-6 a checkpoint with a label is kept, and goes when the label has gone', () => {
    const directory = three()
    label(directory, 1, 'keep')
    expect(collect(directory)).toMatchObject({ kind: 'done', deleted: { manifests: [2] } })
    expect(present(directory)).toEqual([1, 3])
    expect(run(listCheckpoints(directory.storage, DIR, 0)).checkpoints[0]).toMatchObject({ id: 1, labels: ['keep'] })
    run(removeLabel(directory.storage, DIR, 'keep'))
    collect(directory)
    expect(present(directory)).toEqual([3])
  })

  test('GC-6 what a checkpoint with a label stands on is kept with it', () => {
    const directory = three()
    label(directory, 1, 'keep')
    const { storage } = directory
    const names = (path: string): readonly string[] => run(storage.list(path)) ?? []
    const listing = {
      root: names(DIR), epochs: names(`${DIR}/epochs`), checkpoints: names(`${DIR}/checkpoints`), inside: new Map(),
    }
    const policy = { mine: directory.open('latest').manifest.epoch, retain: 1, floor: 99 }
    const garbage = classify(DIR, run(readFacts(storage, DIR)), listing, policy)
    expect(garbage).toMatchObject({ retained: [1, 3], manifests: [2] })
  })

  test('GC-6 a label given after collection has looked at everything still holds', () => {
    const directory = three()
    let given = false
    const late = intercept(directory.storage, (path) => {
      if (!path.endsWith('/epochs') || given) return
      given = true
      label(directory, 1, 'late')
    })
    expect(collect(directory, late)).toMatchObject({ deleted: { manifests: [2], files: [{ checkpoint: 2 }] } })
    expect(present(directory)).toEqual([1, 3])
    expect(directory.open('@late').manifest.checkpoint).toBe(1)
  })

  test('LB-3 whenever a label comes while a collection is at work, it holds, or it fails and leaves nothing', () => {
    const outcomes = new Set<string>()
    for (let step = 1; !outcomes.has('none'); step++) {
      const directory = three()
      let steps = 0
      let outcome = 'none'
      // The whole label between two steps of the collection; what it waits for is the rest of the collection.
      const beside = intercept(directory.storage, () => {
        if (++steps !== step) return
        const ports = { storage: directory.storage, salt: 1, pause: function* (): Io<void> {} }
        const result = outcomeOf(setLabel(ports, DIR, checkpointId(2), 'x'))
        outcome = result?.ok === true ? 'given' : 'refused'
      })
      collect(directory, beside)
      expect(present(directory)).toEqual(outcome === 'given' ? [2, 3] : [3])
      expect(run(readLabels(directory.storage, DIR)).length).toBe(outcome === 'given' ? 1 : 0)
      outcomes.add(outcome)
    }
    expect(outcomes).toEqual(new Set(['given', 'refused', 'none']))
  })

  test('LB-3 whenever a collection runs while a label is given, the label holds, or it fails and leaves nothing', () => {
    const outcomes = new Set<string>()
    for (let step = 1; step <= 12; step++) {
      const directory = three()
      let steps = 0
      const beside = intercept(directory.storage, () => {
        if (++steps === step) collect(directory)
      })
      const given = outcomeOf(setLabel({ storage: beside, salt: 1, pause: never }, DIR, checkpointId(2), 'x'))?.ok === true
      collect(directory)
      expect(present(directory)).toEqual(given ? [2, 3] : [3])
      outcomes.add(given ? 'given' : 'refused')
    }
    expect(outcomes).toEqual(new Set(['given', 'refused']))
  })

  test('LB-3 a collection that has announced itself is waited for', () => {
    const directory = three()
    const { storage } = directory
    const removing = removingFile(DIR, 1, 2)
    run(storage.close(run(storage.create(removing))))
    let pauses = 0
    const pause = function* (): Io<void> {
      if (++pauses === 3) yield* storage.unlink(removing)
    }
    expect(run(setLabel({ storage, salt: 1, pause }, DIR, checkpointId(2), 'x'))).toEqual({ movedFrom: [] })
    expect(pauses).toBe(3)
    // One that concerns older checkpoints only is not.
    run(storage.close(run(storage.create(removing))))
    label(directory, 3, 'y')
  })

  test('LB-1 a label on a checkpoint that was collected meanwhile is an error, and leaves nothing', () => {
    const directory = three()
    run(directory.storage.unlink(manifestFile(DIR, 2)))
    expect(failureOf(() => label(directory, 2, 'gone')).code).toBe('E143')
    expect(run(readLabels(directory.storage, DIR))).toEqual([])
    expect(run(directory.storage.list(DIR))?.filter((name) => name.startsWith('.tmp'))).toEqual([])
  })

  test('LB-1 a label that was given survives a loss of power', () => {
    const directory = three()
    label(directory, 2, 'safe')
    directory.world.disk.powerCut(directory.world.random, 'none')
    expect(run(readLabels(directory.world.disk.mount(), DIR))).toEqual([{ name: 'safe', checkpoint: 2 }])
  })

  test('LB-2 a label moves; while it has both places the newer counts, at no instant it has none', () => {
    const directory = three()
    label(directory, 1, 'x')
    const seen: number[] = []
    const watched = intercept(directory.storage, () => {
      seen.push(directory.open('@x').manifest.checkpoint)
    })
    expect(label(directory, 3, 'x', watched)).toEqual({ movedFrom: [1] })
    expect(new Set(seen)).toEqual(new Set([1, 3]))
    expect(run(readLabels(directory.storage, DIR))).toEqual([{ name: 'x', checkpoint: 3 }])
    expect(label(directory, 3, 'x')).toEqual({ movedFrom: [] })
  })

  test('a name has one form, with or without its @', () => {
    expect(checkLabelName('@a.b-c_1')).toBe('a.b-c_1')
    for (const bad of ['', '@', 'A', '-a', 'a/b', 'a b', '.', 'x'.repeat(65)]) {
      expect(failureOf(() => checkLabelName(bad)).code).toBe('E147')
    }
    expect(labelFile('d', 7, 'a-1')).toBe('d/label-7-a-1')
  })

  test('removing a label that is not there is an error', () => {
    expect(failureOf(() => run(removeLabel(three().storage, DIR, 'x'))).code).toBe('E144')
  })
})

describe('reading beside a job that goes on', () => {
  const newest = (directory: StateDirectory, ref: string, storage = directory.storage) =>
    run(withCheckpoints(storage, [{ directory: DIR, ref }], function* (opened) {
      if (opened?.manifest.checkpoint !== 4) {
        // The job completes another one and collects this one before anything is read.
        if (!present(directory).includes(4)) directory.write(4, [])
        throw yield* collected(directory)
      }
      return opened.manifest.checkpoint
    }))

  test('latest is looked up again when what it meant was collected; a number is an error', () => {
    expect(newest(three(), 'latest')).toBe(4)
    expect(failureOf(() => newest(three(), '3')).code).toBe('E143')
  })

  test('two references mean checkpoints of one moment', () => {
    const directory = three()
    let completed = false
    const beside = intercept(directory.storage, (path) => {
      if (completed || !path.endsWith('.state')) return
      completed = true
      directory.write(4, [])
    })
    const refs = ['latest-1', 'latest'].map((ref) => ({ directory: DIR, ref }))
    const found = run(withCheckpoints(beside, refs, function* (...opened) {
      return opened.map(({ manifest }) => manifest.checkpoint)
    }))
    expect(found).toEqual([2, 3])
    expect(present(directory)).toEqual([1, 2, 3, 4])
  })

  test('a savepoint has its one checkpoint as its latest, although it knows no terms', () => {
    const directory = three()
    const moved = '/data/savepoint'
    run(directory.storage.makeDirectory(`${moved}/checkpoints`))
    run(directory.storage.link(manifestFile(DIR, 2), manifestFile(moved, 2)))
    run(directory.storage.makeDirectory(`${moved}/checkpoints/2`))
    const newestIn = () => run(withCheckpoints(directory.storage, [{ directory: moved, ref: 'latest' }], function* (opened) {
      return opened?.manifest.checkpoint
    }))
    expect(failureOf(newestIn).code).toBe('E047')
    run(directory.storage.create(`${moved}/savepoint.json`))
    expect(newestIn()).toBe(2)
  })
})

function* collected(directory: StateDirectory): Io<Error> {
  yield* directory.storage.unlink(manifestFile(DIR, 3))
  return failureOf(() => label(directory, 3, 'x'))
}

/** Calls `before` ahead of every operation on names. */
function intercept(storage: Storage, before: (path: string) => void): Storage {
  return new Proxy(storage, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args)
      if (!['list', 'create', 'openRead', 'link', 'unlink'].includes(String(name))) return call
      return (...args: unknown[]): unknown => {
        before(String(args[0]))
        return call(...args)
      }
    },
  })
}
