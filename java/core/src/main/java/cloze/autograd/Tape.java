package cloze.autograd;

import cloze.backend.Backend;
import cloze.op.DropoutKey;
import cloze.op.Op;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/**
 * Runs ops. A recording tape remembers them, so that {@link #backward} can replay them in reverse, once; on its way
 * back it frees what is no longer needed. An inference tape remembers nothing.
 */
public final class Tape {
    private sealed interface Node {
        List<Tensor> results();
    }

    private record Applied(Op op, List<Tensor> results) implements Node {}

    private record Recomputed(BiFunction<Tape, Tensor, Tensor> block, Tensor x, Tensor y, long firstDraw)
            implements Node {
        @Override
        public List<Tensor> results() {
            return List.of(y);
        }
    }

    /** Draws of one step: more than any model has dropouts. */
    private static final long DRAWS = 1L << 24;

    private final Backend backend;
    private final Scope scope;
    private final boolean recording;
    private final long seed;
    private final List<Node> nodes = new ArrayList<>();
    private long draw;

    private Tape(Backend backend, Scope scope, boolean recording, long seed, long draw) {
        this.backend = backend;
        this.scope = scope;
        this.recording = recording;
        this.seed = seed;
        this.draw = draw;
    }

    /**
     * A tape for training.
     *
     * @param scope owns all results
     * @param seed of the run, for dropout
     * @param step each micro-batch of a run has its own, so that its random numbers do not depend on what ran before
     */
    public static Tape recording(Backend backend, Scope scope, long seed, long step) {
        return new Tape(backend, scope, true, seed, Math.multiplyExact(step, DRAWS));
    }

    /** A tape that remembers nothing and drops nothing. */
    public static Tape inference(Backend backend, Scope scope) {
        return new Tape(backend, scope, false, 0, 0);
    }

    public Backend backend() {
        return backend;
    }

    public Scope scope() {
        return scope;
    }

    /** Whether this tape records for training. */
    public boolean recording() {
        return recording;
    }

    /** The next random numbers for dropout: none in inference. */
    public DropoutKey dropout(float rate) {
        return recording && rate > 0 ? new DropoutKey(rate, seed, draw++) : DropoutKey.NONE;
    }

    /** Runs {@code op}, recording it if gradients flow into any input, and returns its value. */
    public Tensor apply(Op op) {
        return applyAll(op).getFirst();
    }

    /** Like {@link #apply}, for ops with more than one value. */
    public List<Tensor> applyAll(Op op) {
        boolean training = recording && anyTrainable(op.inputs());
        List<Op.Result> wanted = op.results(training);
        List<Tensor> results = new ArrayList<>(wanted.size());
        for (Op.Result r : wanted) {
            results.add(scope.tensor(r.name(), r.shape(), r.dtype(), training));
        }
        op.forward(backend, results, training);
        if (training) {
            nodes.add(new Applied(op, results));
        }
        return results;
    }

    private static boolean anyTrainable(List<Tensor> inputs) {
        for (Tensor input : inputs) {
            if (input.trainable()) {
                return true;
            }
        }
        return false;
    }

    /**
     * Runs part of a model. What it makes besides its value is freed at its end in inference; while training it stays
     * for {@link #backward}.
     */
    public Tensor block(String name, Tensor x, BiFunction<Tape, Tensor, Tensor> block) {
        if (recording) {
            return block.apply(this, x);
        }
        return detached(name, x, block);
    }

    /** Like {@link #block}, but while training too only the value stays: {@link #backward} runs the block again. */
    public Tensor recompute(String name, Tensor x, BiFunction<Tape, Tensor, Tensor> block) {
        if (!recording) {
            return detached(name, x, block);
        }
        long firstDraw = draw;
        Tensor y;
        try (Scope inner = scope.child(name)) {
            var tape = new Tape(backend, inner, true, seed, firstDraw);
            y = scope.adopt(block.apply(tape, x));
            draw = tape.draw;
        }
        nodes.add(new Recomputed(block, x, y, firstDraw));
        return y;
    }

    private Tensor detached(String name, Tensor x, BiFunction<Tape, Tensor, Tensor> block) {
        try (Scope inner = scope.child(name)) {
            return scope.adopt(block.apply(inference(backend, inner), x));
        }
    }

    /**
     * Propagates the gradient of {@code loss}, a scalar, to everything it was computed from. Consumes the tape: results
     * other than those of the op that made {@code loss} are freed on the way.
     */
    public Gradients backward(Tensor loss, ParameterGradients parameters) {
        var gradients = new Gradients(backend, scope, parameters);
        Tensor one = scope.tensor("d" + loss.name(), new Shape(1), DType.F32);
        backend.set(one, 1f);
        return backward(loss, one, gradients);
    }

    /** Like {@link #backward(Tensor, ParameterGradients)} for a value of any shape, with {@code seed} as its gradient. */
    public Gradients backward(Tensor value, Tensor valueGradient, Gradients gradients) {
        gradients.set(value, valueGradient);
        propagate(value, gradients);
        return gradients;
    }

    private void propagate(Tensor value, Gradients gradients) {
        while (!nodes.isEmpty()) {
            Node node = nodes.removeLast();
            boolean reached = false;
            boolean last = false;
            for (Tensor result : node.results()) {
                reached |= gradients.hasReached(result);
                last |= result == value;
            }
            if (reached) {
                switch (node) {
                    case Applied applied -> applied.op().backward(backend, applied.results(), gradients);
                    case Recomputed recomputed -> replay(recomputed, gradients);
                }
            }
            for (Tensor result : node.results()) {
                gradients.release(result);
                if (!last) {
                    scope.release(result);
                }
            }
        }
    }

    private void replay(Recomputed node, Gradients gradients) {
        try (Scope inner = scope.child("again")) {
            var tape = new Tape(backend, inner, true, seed, node.firstDraw());
            Tensor y = node.block().apply(tape, node.x());
            gradients.move(node.y(), y);
            tape.propagate(y, gradients);
        }
    }
}
