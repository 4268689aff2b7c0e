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
    exports cloze.eval;
    exports cloze.foreign;
    exports cloze.generate;
    exports cloze.image;
    exports cloze.io;
    exports cloze.measure;
    exports cloze.model;
    exports cloze.nn;
    exports cloze.op;
    exports cloze.optim;
    exports cloze.recipe;
    exports cloze.serve;
    exports cloze.setting;
    exports cloze.stat;
    exports cloze.task;
    exports cloze.tensor;
    exports cloze.text;
    exports cloze.text.bpe;
    exports cloze.text.token;
    exports cloze.train;
    exports cloze.train.log;

    uses cloze.backend.BackendProvider;
    uses cloze.text.TextFormat;
    uses cloze.image.ImageArchive;
    uses cloze.image.ImageCodec;
}
