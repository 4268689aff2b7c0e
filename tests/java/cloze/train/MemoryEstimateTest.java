package cloze.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.optim.AdamW;
import cloze.optim.Muon;
import cloze.optim.Schedule;
import cloze.tensor.OutOfMemoryException;
import cloze.tensor.Scope;
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
        assertThat(estimate.average() > 0).isEqualTo(config.optimization().emaDecay() > 0);
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
