/** REGCRED_TEST_SEED sets the seed of all property tests, for example to the seed that a failure printed. */
import fc from 'fast-check';

const seed = process.env.REGCRED_TEST_SEED;
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
