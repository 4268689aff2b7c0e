package cloze.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.Precision;
import cloze.backend.ShapeBackend;
import cloze.image.ImageBatch;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.nn.Parameters;
import cloze.optim.AdamW;
import cloze.optim.Muon;
import cloze.optim.Schedule;
import cloze.task.MaskedPatches;
import cloze.tensor.OutOfMemoryException;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MemoryEstimateTest {
    private static List<TrainingConfig> configs() {
        var muon = Muon.Config.of(AdamW.Config.gpt3(1e-3));
        return List.of(
                TinyModel.config(3),
                TinyModel.config(3).withMicroBatches(4).withEma(0.99),
                TrainingConfig.of(3, muon, new Schedule.Constant(0)).withEma(0.9));
    }

    @ParameterizedTest
    @MethodSource("configs")
    void is_what_a_run_then_takes(TrainingConfig config) throws IOException {
        MemoryEstimate.Model model = (backend, scope) -> TinyModel.on(backend, scope, 4096, 0.1f);
        MemoryEstimate estimate = MemoryEstimate.of(model, config);
        try (Backend backend = TinyModel.cpu(1);
                Scope scope = backend.memory().scope("model")) {
            var hooks = TrainingHooks.NONE.withEvaluation(Map::of);
            new Trainer(backend, model.on(backend, scope), config, hooks, null).run();
            assertThat(estimate.total()).isEqualTo(backend.memory().peakBytes());
        }
        assertThat(estimate.activations()).isGreaterThan(4096L * (16 * 4 + 32 * 2 + 17) * 4);
        assertThat(estimate.average() > 0).isEqualTo(config.update().emaDecay() > 0);
    }

    private static final int IMAGES = 64;

    private static Parameters.Built<Mae> mae(Backend backend, Scope scope, double hidden) {
        MaeConfig config = MaeConfig.preset("vit-tiny-32").withRatio(hidden);
        return Parameters.build(backend, scope, 1, p -> new Mae(config, p));
    }

    /** What a step of a masked autoencoder takes, without its weights. */
    private static long activations(double hidden) {
        var blank = new ImageBatch(new float[IMAGES * 32 * 32 * 3], new int[IMAGES]);
        MemoryEstimate.Model model = (backend, scope) -> {
            Parameters.Built<Mae> built = mae(backend, scope, hidden);
            return new MaskedPatches(built, _ -> blank, IMAGES, 1);
        };
        return MemoryEstimate.of(model, TinyModel.config(1)).activations();
    }

    /** What forward leaves for backward: bytes in use, where {@link #activations} counts what the pool keeps too. */
    private static long kept(double hidden) {
        try (var backend = new ShapeBackend(Precision.FP32);
                Scope lasting = backend.memory().scope("model");
                Scope scope = backend.memory().scope("step")) {
            Mae mae = mae(backend, lasting, hidden).model();
            long before = backend.memory().bytesUsed();
            Tape tape = Tape.recording(backend, scope, 1, 0);
            Tensor patches = mae.encoder().patches(tape, new float[IMAGES * 32 * 32 * 3]);
            mae.losses(tape, patches, mae.mask(tape, IMAGES, 1, 0));
            return backend.memory().bytesUsed() - before;
        }
    }

    /** The encoder, which holds most, sees the kept patches alone. */
    @Test
    void a_masked_autoencoder_takes_less_memory_the_more_it_hides() {
        long all = activations(0);
        long half = activations(0.5);
        long quarter = activations(0.75);
        assertThat((double) half).isLessThan(0.65 * all);
        assertThat((double) quarter).isLessThan(0.45 * all);
    }

    /** 64, 32 and 16 patches and the class token each time, which the pool's size classes round alike. */
    @Test
    void what_backward_needs_grows_linearly_with_the_patches_that_a_masked_autoencoder_sees() {
        long all = kept(0);
        long half = kept(0.5);
        long quarter = kept(0.75);
        assertThat((double) (half - quarter) / (all - half)).isBetween(0.49, 0.51);
        assertThat((double) (all - half)).isGreaterThan(0.35 * all);
    }

    @Test
    void too_little_memory_is_said_with_all_numbers() {
        var estimate = new MemoryEstimate(100 << 20, 100 << 20, 200 << 20, 0, 3L << 30);
        estimate.require(Long.MAX_VALUE, 4L << 30);
        assertThatThrownBy(() -> estimate.require(2L << 30, 64L << 30))
                .isInstanceOf(OutOfMemoryException.class)
                .hasMessage("training needs 3.39 GiB (weights 100.0 MiB, gradients 100.0 MiB, optimizer 200.0 MiB, "
                        + "activations 3.00 GiB), but --memory allows 2.00 GiB: raise --memory, or lower the batch "
                        + "size and raise the number of micro-batches");
        assertThatThrownBy(() -> estimate.require(Long.MAX_VALUE, 1L << 30))
                .hasMessageContaining("but the machine has 1.00 GiB: lower the batch size");
        assertThat(MemoryEstimate.machineMemory()).isGreaterThan(1L << 30);
    }
}
