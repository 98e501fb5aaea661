import { seedsFinishExactly } from './run-seeds.ts'

seedsFinishExactly(1, 500)
