package cloze.measure;

import java.util.List;
import java.util.function.Function;

/**
 * A kernel at one shape.
 *
 * @param name of the op as in {@code cloze.op}, or of another kernel
 * @param shape extents, so that a program can read them: "65536 x 768", "B16 H12 T1024 K64 causal"
 * @param passes makes inputs and the calls on them
 */
public record Subject(String name, String shape, Function<Inputs, List<Pass>> passes) {
    @Override
    public String toString() {
        return name + " " + shape;
    }
}
