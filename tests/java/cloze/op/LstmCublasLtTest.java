package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The contract of a layer of LSTM whose matrix multiplications over all tokens cuBLASLt does. */
class LstmCublasLtTest extends LstmTest {
    static List<Device> devices() {
        return Device.cublasLt().stream().limit(1).toList();
    }

    /** Wide layers multiply the same matrices as small ones. */
    @Override
    Stream<Case> cases() {
        return super.cases().filter(c -> !c.toString().startsWith("wide "));
    }

    @Test
    void forward_is_one_product_of_the_library_and_backward_two() {
        Assumptions.assumeTrue(HostCuda.isThere(), "only the stand-in counts");
        Case usual = all().stream()
                .filter(c -> c.toString().startsWith("[2, 3, 4, 5]"))
                .findFirst()
                .orElseThrow();
        forgetAnswers();
        long before = HostCuda.matMuls();
        gradients_match_central_differences_of_float64(usual);
        assertThat(HostCuda.matMuls() - before).isEqualTo(1 + 2);
    }

    @Test
    void without_an_algorithm_own_kernels_make_all() {
        Assumptions.assumeTrue(HostCuda.isThere(), "only the stand-in lacks algorithms when it is told to");
        Device usual = device;
        device = new Device(device.name(), options -> {
            var backend = Device.cublasLt().getFirst().open(options);
            HostCuda.epilogues(0);
            return backend;
        });
        long before = HostCuda.matMuls();
        try {
            all().forEach(this::gradients_match_central_differences_of_float64);
        } finally {
            device = usual;
        }
        assertThat(HostCuda.matMuls()).isEqualTo(before);
    }
}
