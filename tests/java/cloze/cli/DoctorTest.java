package cloze.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.op.HostCuda;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class DoctorTest {
    @Test
    void shows_what_is_there_and_what_is_missing() {
        CommandLines.Ran ran = CommandLines.run("doctor");
        assertThat(ran.exitCode()).isZero();
        assertThat(ran.out())
                .contains(
                        "java",
                        "processors",
                        "total memory",
                        "huge pages",
                        "kernels",
                        "cuda",
                        "cuda on host (cuda:0 of 2, the first; --device cuda:N takes another), compute capability 8.0",
                        "cuda:1",
                        "cuda on host, compute capability 8.0, 8.0 GiB",
                        "matrix multiplication by own kernels (cloze.cuda.matmul=own)")
                .contains("cache", "missing");
    }

    @Test
    void says_why_a_library_is_not_taken() {
        System.setProperty("cloze.cuda.cudnn", HostCuda.cublasLt().toString());
        String before = System.setProperty("cloze.cuda.convolutions", "");
        try {
            CommandLines.Ran ran = CommandLines.run("doctor");
            assertThat(ran.exitCode()).isZero();
            assertThat(ran.out())
                    .contains(
                            "convolutions by own kernels (" + HostCuda.cublasLt() + " is not taken: its functions must"
                                    + " have the version libcudnn.so.9,"
                                    + " which JCudnn was linked against,"
                                    + " but they have none)");
        } finally {
            System.setProperty("cloze.cuda.convolutions", before == null ? "" : before);
            System.clearProperty("cloze.cuda.cudnn");
        }
    }

    @Test
    void says_what_to_do_about_a_library_that_is_broken() {
        System.setProperty("cloze.cuda.cublasLt", HostCuda.cudnn().toString());
        String before = System.setProperty("cloze.cuda.matmul", "");
        try {
            CommandLines.Ran ran = CommandLines.run("doctor");
            assertThat(ran.exitCode()).isZero();
            assertThat(ran.out().replaceAll("\\s+", " "))
                    .contains("unusable: cuBLASLt " + HostCuda.cudnn() + " does not work: " + HostCuda.cudnn()
                            + " has no cublasLtCreate; -Dcloze.cuda.matmul=own leaves it aside");
        } finally {
            System.setProperty("cloze.cuda.matmul", before == null ? "" : before);
            System.clearProperty("cloze.cuda.cublasLt");
        }
    }

    @Test
    void says_what_a_driver_answers_that_does_not_work() {
        HostCuda.answer("cuDeviceGetCount", 999);
        try {
            CommandLines.Ran ran = CommandLines.run("doctor");
            assertThat(ran.exitCode()).isZero();
            assertThat(ran.out()).contains("unusable: the NVIDIA driver answers CUDA_ERROR_UNKNOWN");
        } finally {
            HostCuda.answer("cuDeviceGetCount", 0);
        }
    }

    @Test
    void prints_the_same_as_json() {
        CommandLines.Ran ran = CommandLines.run("doctor", "--json");
        assertThat(ran.exitCode()).isZero();
        JsonNode json = JsonMapper.builder().build().readTree(ran.out());
        assertThat(json.path("java").path("version").asString()).matches("(2[5-9]|[3-9]\\d).*");
        assertThat(json.path("machine").path("processors").asInt()).isPositive();
        assertThat(json.path("devices").has("cpu")).isTrue();
        assertThat(json.path("cpu kernels").path("level").asString()).isIn("baseline", "avx2", "avx512");
    }
}
