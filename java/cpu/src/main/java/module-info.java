/** The CPU backend: kernels in C++, called through the foreign function interface. */
@org.jspecify.annotations.NullMarked
module cloze.cpu {
    requires transitive cloze.core;
    requires static org.jspecify;

    exports cloze.cpu;

    provides cloze.backend.BackendProvider with
            cloze.cpu.CpuBackendProvider;
}
