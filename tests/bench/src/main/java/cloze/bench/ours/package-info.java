/** The steps and ops as an application of this library writes them. */
@org.jspecify.annotations.NullMarked
package cloze.bench.ours;
