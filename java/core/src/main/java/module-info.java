/** Tensors, ops and their gradients, models, tasks, data and training; knows no device. */
@org.jspecify.annotations.NullMarked
module cloze.core {
    requires static transitive org.jspecify;
    requires jdk.management;
    requires tools.jackson.databind;
    requires org.slf4j;

    exports cloze.autograd;
    exports cloze.backend;
    exports cloze.checkpoint;
    exports cloze.data;
    exports cloze.eval;
    exports cloze.image;
    exports cloze.measure;
    exports cloze.model;
    exports cloze.nn;
    exports cloze.op;
    exports cloze.optim;
    exports cloze.serve;
    exports cloze.task;
    exports cloze.tensor;
    exports cloze.train;

    uses cloze.backend.BackendProvider;
    uses cloze.data.TextFormat;
    uses cloze.image.ImageArchive;
    uses cloze.image.ImageCodec;
}
