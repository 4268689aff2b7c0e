package cloze.bench.peer;

import cloze.bench.BenchLibrary;
import cloze.bench.OpSide;
import cloze.bench.Samples;
import cloze.bench.ours.ClozeStep;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** libtorch's fused update of one long parameter. */
final class TorchAdamW implements OpSide {
    private final Tensor weight;
    private final Tensor gradient;
    private final FusedAdamW optimizer;

    TorchAdamW(BenchLibrary library, Samples samples, int parameters) {
        weight = TorchOps.tensor(samples, parameters);
        gradient = TorchOps.tensor(samples, parameters);
        optimizer = new FusedAdamW(library, ClozeStep.ADAM_W, List.of(weight));
    }

    @Override
    public void forward() {
        try (var _ = new PointerScope()) {
            optimizer.step(List.of(gradient));
        }
    }

    @Override
    public void backward() {
        // an update has none
    }

    @Override
    public float[] value() {
        return TorchOp.floats(weight);
    }

    @Override
    public float[] gradient() {
        return TorchOp.floats(gradient);
    }

    @Override
    public void clear() {
        // updates in place
    }

    @Override
    public void close() {
        optimizer.close();
        gradient.close();
        weight.close();
    }
}
