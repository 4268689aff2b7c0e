/** What training steps and ops cost, beside official libtorch in the same run. */
@org.jspecify.annotations.NullMarked
package cloze.bench;
