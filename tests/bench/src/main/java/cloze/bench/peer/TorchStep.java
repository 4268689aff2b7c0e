package cloze.bench.peer;

import cloze.bench.BenchLibrary;
import cloze.bench.TrainStep;
import cloze.bench.Weights;
import cloze.bench.ours.ClozeStep;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** A training step of libtorch: what differs between models is the loss. */
abstract class TorchStep implements TrainStep {
    final TorchParameters parameters;
    private final BenchLibrary library;
    private @Nullable FusedAdamW optimizer;

    TorchStep(BenchLibrary library, @Nullable Weights weights) {
        this.library = library;
        parameters = new TorchParameters(weights);
    }

    abstract Tensor loss();

    @Override
    public float run() {
        if (optimizer == null) {
            optimizer = new FusedAdamW(library, ClozeStep.ADAM_W, parameters.all());
        }
        try (var _ = new PointerScope()) {
            Tensor loss = loss();
            loss.backward();
            optimizer.step();
            return loss.item_float();
        }
    }

    @Override
    public void close() {
        if (optimizer != null) {
            optimizer.close();
        }
        parameters.close();
    }
}
