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
import org.jspecify.annotations.Nullable;

/**
 * Runs ops. A recording tape remembers them, so that {@link #backward} can replay them in reverse, once; on its way
 * back it frees what is no longer needed. An inference tape remembers nothing.
 */
public final class Tape {
    private sealed interface Node {
        List<Tensor> results();
    }

    private record Applied(Op op, List<Tensor> results) implements Node {}

    private record Recomputed(Block block, List<Tensor> inputs, List<Tensor> values, long firstDraw) implements Node {
        /** What the block made: not an input that it hands on. */
        @Override
        public List<Tensor> results() {
            return values.stream().filter(value -> !inputs.contains(value)).toList();
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
        List<Op.Result> wanted = op.results(backend, training);
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

    /** Part of a model: what it computes depends on its inputs, parameters and the tape's random numbers alone. */
    @FunctionalInterface
    public interface Block {
        List<Tensor> apply(Tape tape, List<Tensor> inputs);
    }

    /**
     * Runs part of a model. What it makes besides its results is freed at its end in inference; while training it stays
     * for {@link #backward}.
     */
    public List<Tensor> block(String name, List<Tensor> inputs, Block block) {
        return recording ? block.apply(this, inputs) : run(name, inputs, block);
    }

    /** Like {@link #block}, but while training too only the results stay: {@link #backward} runs the block again. */
    public List<Tensor> recompute(String name, List<Tensor> inputs, Block block) {
        long firstDraw = draw;
        List<Tensor> results = run(name, inputs, block);
        if (recording) {
            nodes.add(new Recomputed(block, inputs, results, firstDraw));
        }
        return results;
    }

    private List<Tensor> run(String name, List<Tensor> inputs, Block block) {
        try (Scope inner = scope.child(name)) {
            var tape = new Tape(backend, inner, recording, seed, draw);
            List<Tensor> results = block.apply(tape, inputs);
            for (Tensor result : results) {
                if (!inputs.contains(result)) {
                    scope.adopt(result);
                }
            }
            draw = tape.draw;
            return results;
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

    private void propagate(@Nullable Tensor value, Gradients gradients) {
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
            List<Tensor> again = node.block().apply(tape, node.inputs());
            for (int i = 0; i < again.size(); i++) {
                gradients.move(node.values().get(i), again.get(i));
            }
            tape.propagate(null, gradients);
        }
    }
}
