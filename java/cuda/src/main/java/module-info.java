/** The CUDA backend: kernels of {@code cuda/}, launched on NVIDIA GPUs. */
@org.jspecify.annotations.NullMarked
module cloze.cuda {
    requires transitive cloze.core;
    requires jcuda;
    requires jcudnn;
    requires org.slf4j;
    requires static org.jspecify;

    exports cloze.cuda;

    provides cloze.backend.BackendProvider with
            cloze.cuda.CudaBackendProvider;
}
