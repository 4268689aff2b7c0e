package cloze.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Gradients;
import cloze.op.LayerNorm;
import cloze.op.SoftmaxCrossEntropy;
import org.junit.jupiter.api.Test;

class BackendsTest {
    @Test
    void an_unknown_device_names_those_that_there_are() {
        assertThatThrownBy(() -> Backends.open("tpu", BackendOptions.DEFAULT))
                .isInstanceOf(BackendException.class)
                .hasMessageStartingWith("no device 'tpu'; there is: ")
                .hasMessageContaining("cpu");
    }

    @Test
    void opens_the_device_of_that_name() {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT)) {
            assertThat(backend.name()).isEqualTo("cpu");
        }
    }

    @Test
    void options_are_checked() {
        assertThatThrownBy(() -> BackendOptions.DEFAULT.withThreads(-1))
                .hasMessage("threads must be in [0, 1024], where 0 is one per core, but it is -1");
        assertThatThrownBy(() -> BackendOptions.DEFAULT.withThreads(100_000))
                .hasMessage("threads must be in [0, 1024], where 0 is one per core, but it is 100000");
        assertThatThrownBy(() -> BackendOptions.DEFAULT.withMemory(0))
                .hasMessage("memory must be more than 0 bytes, but it is 0");
    }

    @Test
    void a_kernel_is_named_after_its_owner_and_itself() {
        assertThat(KernelName.of(LayerNorm.Forward.class)).isEqualTo("layer_norm_forward");
        assertThat(KernelName.of(SoftmaxCrossEntropy.Backward.class)).isEqualTo("softmax_cross_entropy_backward");
        assertThat(KernelName.of(Gradients.Add.class)).isEqualTo("gradients_add");
    }
}
