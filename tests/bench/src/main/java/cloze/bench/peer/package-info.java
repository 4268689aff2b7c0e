/** The same steps and ops in official libtorch, through its Java API. */
@org.jspecify.annotations.NullMarked
package cloze.bench.peer;
