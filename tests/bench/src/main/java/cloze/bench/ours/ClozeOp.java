package cloze.bench.ours;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.bench.OpSide;
import cloze.op.Op;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One of our ops with a tape of its own. */
public final class ClozeOp implements OpSide {
    private final Backend backend;
    private final OpInputs inputs;
    private final Supplier<Op> op;
    private final Tensor first;
    private final Tensor dvalue;
    private @Nullable Run run;

    private record Run(
            Scope scope, Tape tape, Tensor value, @Nullable Gradients gradients) {}

    /**
     * @param op made anew for each run, as a model does
     * @param first whose gradient is asked for
     * @param dvalue gradient of the value
     */
    ClozeOp(Backend backend, OpInputs inputs, Supplier<Op> op, Tensor first, Tensor dvalue) {
        this.backend = backend;
        this.inputs = inputs;
        this.op = op;
        this.first = first;
        this.dvalue = dvalue;
    }

    @Override
    public void prepare() {
        inputs.restore();
    }

    @Override
    public void forward() {
        Scope scope = backend.memory().scope("op");
        Tape tape = Tape.recording(backend, scope, 1, 0);
        run = new Run(scope, tape, tape.apply(op.get()), null);
    }

    @Override
    public void backward() {
        Run forward = run();
        var gradients = new Gradients(backend, forward.scope(), null);
        forward.tape().backward(forward.value(), dvalue, gradients);
        run = new Run(forward.scope(), forward.tape(), forward.value(), gradients);
    }

    private Run run() {
        if (run == null) {
            throw new IllegalStateException("forward comes first");
        }
        return run;
    }

    @Override
    public float[] value() {
        return backend.floats(run().value());
    }

    @Override
    public float[] gradient() {
        Gradients gradients = run().gradients();
        if (gradients == null) {
            throw new IllegalStateException("backward comes first");
        }
        return backend.floats(gradients.of(first));
    }

    @Override
    public void clear() {
        run().scope().close();
    }

    @Override
    public void close() {
        inputs.close();
        backend.memory().trim();
    }
}
