/** With REGCRED_TEST_SEED every property is tried with the values of that seed: the one that a failure printed. */
import fc from 'fast-check';

const seed = process.env.REGCRED_TEST_SEED;
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
