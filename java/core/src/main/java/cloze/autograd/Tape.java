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
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Runs ops. A recording tape stores them for one call of {@link #backward}, which goes through them in reverse order
 * and frees tensors that are no longer needed. An inference tape stores nothing.
 */
public final class Tape {
    private sealed interface Node {
        List<Tensor> results();
    }

    private record Applied(Op op, List<Tensor> results) implements Node {}

    private record Recomputed(Block block, List<Tensor> inputs, List<Tensor> values, long firstDraw) implements Node {
        /** The tensors that the block computed, without inputs that it returns unchanged. */
        @Override
        public List<Tensor> results() {
            return values.stream().filter(value -> !inputs.contains(value)).toList();
        }
    }

    /** Random streams per step: more than any model has dropout layers. */
    private static final long DRAWS = 1L << 24;

    private final Backend backend;
    private final Scope scope;
    private final boolean recording;
    private final long seed;
    private final List<Node> nodes = new ArrayList<>();
    private long draw;
    private boolean consumed;

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
     * @param step number of the micro-batch in the run; random numbers depend on it and not on earlier work
     */
    public static Tape recording(Backend backend, Scope scope, long seed, long step) {
        return new Tape(backend, scope, true, seed, Math.multiplyExact(step, DRAWS));
    }

    /** A tape that stores no ops and applies no dropout. */
    public static Tape inference(Backend backend, Scope scope) {
        return new Tape(backend, scope, false, 0, 0);
    }

    public Backend backend() {
        return backend;
    }

    public Scope scope() {
        return scope;
    }

    /** True if this tape records ops for training. */
    public boolean recording() {
        return recording;
    }

    /** The key of the next dropout layer; {@link DropoutKey#NONE} in inference. */
    public DropoutKey dropout(float rate) {
        return recording && rate > 0 ? new DropoutKey(rate, seed, draw++) : DropoutKey.NONE;
    }

    /** Runs {@code op}, records it if gradients flow into any input, and returns its value. */
    public Tensor apply(Op op) {
        return applyAll(op).getFirst();
    }

    /** Like {@link #apply}, for ops with several values. */
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

    /** Part of a model. Its results depend only on its inputs, parameters and the tape's random numbers. */
    @FunctionalInterface
    public interface Block {
        List<Tensor> apply(Tape tape, List<Tensor> inputs);
    }

    /**
     * Runs part of a model. In inference, its intermediate tensors are freed at its end; in training, they are kept for
     * {@link #backward}.
     */
    public List<Tensor> block(String name, List<Tensor> inputs, Block block) {
        return recording ? block.apply(this, inputs) : run(name, inputs, block);
    }

    /** Like {@link #block}, but keeps only the results in training too: {@link #backward} runs the block again. */
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
     * Propagates the gradient of {@code loss}, a scalar, to all tensors that it was computed from. Consumes the tape:
     * frees the results of all ops except the one that computed {@code loss}.
     *
     * @throws IllegalArgumentException if {@code loss} is no scalar
     * @throws IllegalStateException if this tape is for inference or consumed, or has not computed {@code loss} from a
     *     trainable tensor
     */
    public Gradients backward(Tensor loss, ParameterGradients parameters) {
        if (loss.shape().size() != 1 || loss.dtype() != DType.F32) {
            throw new IllegalArgumentException("backward: loss must be a scalar, [1] f32, but it is " + loss);
        }
        var gradients = new Gradients(backend, scope, parameters);
        Tensor one = scope.tensor("d" + loss.name(), new Shape(1), DType.F32);
        backend.set(one, 1f);
        return backward(loss, one, gradients);
    }

    /**
     * Like {@link #backward(Tensor, ParameterGradients)} for a value of any shape, with {@code valueGradient} as its
     * gradient.
     */
    public Gradients backward(Tensor value, Tensor valueGradient, Gradients gradients) {
        if (valueGradient.shape().size() != value.shape().size()) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "backward: the gradient of %s must have its shape, but it is %s",
                    value,
                    valueGradient));
        }
        requireRecorded(value);
        consumed = true;
        gradients.set(value, valueGradient);
        propagate(value, gradients);
        return gradients;
    }

    private void requireRecorded(Tensor value) {
        if (!recording) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT,
                    "backward: the tape must be a recording one, but %s was computed by one for inference",
                    value));
        }
        if (consumed) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT,
                    "backward: the tape must be fresh, but an earlier backward has consumed it; %s needs a forward pass of its own",
                    value));
        }
        for (Node node : nodes.reversed()) {
            if (node.results().contains(value)) { // the last one, as a rule
                return;
            }
        }
        throw new IllegalStateException(String.format(
                Locale.ROOT,
                "backward: the value must be computed by this tape from a trainable tensor, but %s is not",
                value));
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
