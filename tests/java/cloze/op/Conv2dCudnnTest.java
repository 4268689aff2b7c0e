package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.backend.Backend;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * The contract of convolutions, made by cuDNN; on the host by a stand-in that checks what it is given, advises algorithms
 * that must not be taken, and counts.
 */
class Conv2dCudnnTest extends Conv2dTest {
    private GuardedBackend.Band band = GuardedBackend.Band.ALIGNED;

    static List<Device> devices() {
        return Device.cudnn();
    }

    /** Other addresses are not for cuDNN. */
    @Override
    GuardedBackend.Band band() {
        return band;
    }

    @Test
    void says_which_library_it_took_and_why() {
        try (Backend backend = device.open(1)) {
            assertThat(backend.description())
                    .containsPattern("convolutions by cuDNN 9\\.\\d+\\.\\d+ \\(.*libcudnn.so.9, ")
                    .contains("asked for by cloze.cuda.convolutions), in bf16 except gradients of weights");
        }
    }

    /** How many convolutions cuDNN is asked for by one that has a bias. */
    private long asked(Consumer<Case> test) {
        Assumptions.assumeTrue(HostCuda.isThere(), "only the stand-in counts");
        forgetAnswers();
        long before = HostCuda.convolutions();
        test.accept(all().stream()
                .filter(c -> c.toString().startsWith("odd "))
                .findFirst()
                .orElseThrow());
        return HostCuda.convolutions() - before;
    }

    @Test
    void y_and_both_gradients_are_convolutions_of_the_library() {
        assertThat(asked(this::forward_matches_float64)).isEqualTo(1 + 3); // without gradients and with
        assertThat(asked(this::gradients_match_central_differences_of_float64)).isEqualTo(3);
    }

    @Test
    void unaligned_addresses_go_to_own_kernels() {
        band = GuardedBackend.Band.ODD;
        try {
            assertThat(asked(this::gradients_match_central_differences_of_float64))
                    .isZero();
        } finally {
            band = GuardedBackend.Band.ALIGNED;
        }
    }
}
